"""What the controllers, the scheduler and the kubelets of a simulated cluster do over time.

State is only in the store: after a restart the work goes on from the objects. Must not know HTTP.
"""
