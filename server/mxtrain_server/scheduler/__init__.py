"""The scheduler: who is in the job, barriers, heartbeats, and how a job ends."""
