"""A simulated cluster for all tests that connect to one."""

from tests.factories.fleet import fleet, fleet_specs, sim

__all__ = ["fleet", "fleet_specs", "sim"]
