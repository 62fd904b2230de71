"""The parameter server's state: what it holds and how pushes change it, without sockets, clocks or threads."""
