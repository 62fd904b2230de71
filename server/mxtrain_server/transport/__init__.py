"""The sockets around the states of scheduler and server."""

import mxtrain_kvstore.transport
