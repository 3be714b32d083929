"""Amazon CloudWatch: alarms, error rates and load, beside what is usual at this hour."""

from adapters.cloudwatch.adapter import READS, CloudWatch, NoRequests
from adapters.cloudwatch.facts import (
    Alarm,
    Alarms,
    DatabaseLoad,
    ErrorRate,
    ErrorRates,
    NightHour,
    Point,
    Response,
)
from adapters.cloudwatch.traffic import Traffic

__all__ = [
    "READS",
    "Alarm",
    "Alarms",
    "CloudWatch",
    "DatabaseLoad",
    "ErrorRate",
    "ErrorRates",
    "NightHour",
    "NoRequests",
    "Point",
    "Response",
    "Traffic",
]
