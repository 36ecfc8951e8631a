"""Shapes of the objects a real cluster holds: workloads, pods, Istio's and Speedscale's own installations.

Plain Python that turns short descriptions into manifests, for the demonstration fleet and for tests.
Must not know Django, the console, or how the simulated API server keeps objects.
"""
