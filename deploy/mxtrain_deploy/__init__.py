"""How a job is started and watched: the command line, the launcher and its back ends."""
