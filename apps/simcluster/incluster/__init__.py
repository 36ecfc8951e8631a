"""What runs inside a simulated cluster and does something: istiod's injector and Speedscale's operator.

Whether one is there, and which, is read from the cluster's own objects, as a client would. Nothing here
listens on a network: the API server asks in the process.
"""
