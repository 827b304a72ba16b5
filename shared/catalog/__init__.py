"""What is asked, when, and who owns the answers: a folder of YAML, checked and frozen."""

from __future__ import annotations

from shared.catalog.catalog import Catalog, NotInCatalog
from shared.catalog.fields import (
    PROFILE_RULES,
    RESPONSE_RULES,
    SIGNAL_RULES,
    SOURCE_RULES,
    in_language,
)
from shared.catalog.findings import Finding, InvalidCatalog, UnusableCatalog
from shared.catalog.loader import check, load, load_files
from shared.catalog.owners import (
    PEOPLE,
    Advocacy,
    Calendar,
    Channel,
    ChannelKind,
    EscalationStep,
    Member,
    PriorityRule,
    RootCause,
    Route,
    Routing,
    Targets,
    Team,
)
from shared.catalog.policy import Brand, Caps, Policy, Retention, SendWindow
from shared.catalog.scales import SCALES, Band, Metric, Scale, band, scale
from shared.catalog.sources import ProfileMapping, ResponseMapping, SignalMapping, Source
from shared.catalog.touchpoints import (
    AbsenceTrigger,
    CountTrigger,
    EventTrigger,
    RecoveryTrigger,
    RhythmTrigger,
    Survey,
    Touchpoint,
)
from shared.catalog.watch import CatalogHolder

__all__ = [
    "PEOPLE",
    "PROFILE_RULES",
    "RESPONSE_RULES",
    "SCALES",
    "SIGNAL_RULES",
    "SOURCE_RULES",
    "AbsenceTrigger",
    "Advocacy",
    "Band",
    "Brand",
    "Calendar",
    "Caps",
    "Catalog",
    "CatalogHolder",
    "Channel",
    "ChannelKind",
    "CountTrigger",
    "EscalationStep",
    "EventTrigger",
    "Finding",
    "InvalidCatalog",
    "Member",
    "Metric",
    "NotInCatalog",
    "Policy",
    "PriorityRule",
    "ProfileMapping",
    "RecoveryTrigger",
    "ResponseMapping",
    "Retention",
    "RhythmTrigger",
    "RootCause",
    "Route",
    "Routing",
    "Scale",
    "SendWindow",
    "SignalMapping",
    "Source",
    "Survey",
    "Targets",
    "Team",
    "Touchpoint",
    "UnusableCatalog",
    "band",
    "check",
    "in_language",
    "load",
    "load_files",
    "scale",
]
