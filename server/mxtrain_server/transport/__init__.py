"""The sockets around the states of scheduler and server."""
