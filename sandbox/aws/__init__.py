"""
The company's AWS account in a box: `AwsWorld` is its handle.

ECS, RDS, load balancers, images, parameters, metrics, alarms and logs are one simulation that
moves with time; every other service of AWS is moto's.
"""

from sandbox.aws.clock import RunningClock, StandingClock
from sandbox.aws.faults import Fault, Faults
from sandbox.aws.world import AwsWorld

__all__ = ["AwsWorld", "Fault", "Faults", "RunningClock", "StandingClock"]
