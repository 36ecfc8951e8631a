"""The whole product on one machine: broker, simulated clusters, worker, scheduler and web as one `Stack`.

`make run` drives it, and so do the browser and fault tests. It knows commands, ports and files, and nothing
of what the product does.
"""
