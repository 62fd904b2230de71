"""Shards on several servers: one primary answers, backups know what it knows."""
