"""What is watched of a platform: its checks with their limits, and the questions that are pulled for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monitor import __version__
from monitor.config import Config
from monitor.database import Session, Target
from monitor.domain.catalogue import Catalogue, Committed, Trigger
from monitor.domain.checks.check import Check
from monitor.domain.checks.cluster_coverage import ClusterCoverage, Coverage
from monitor.domain.checks.cron import Cron
from monitor.domain.checks.db import Db
from monitor.domain.checks.feature_flags import FeatureFlags
from monitor.domain.checks.message_throughput import History, MessageThroughput, Rates, Recent, Replies
from monitor.domain.checks.realtime import Realtime
from monitor.domain.checks.recent_activity import Activity, RecentActivity
from monitor.domain.checks.service import Service
from monitor.domain.checks.settings import Entries, Settings
from monitor.domain.checks.triggers import Triggers
from monitor.domain.checks.vitals import Monitor
from monitor.domain.connection import Connections, Statements, Storage
from monitor.domain.contention import Contention, Limits
from monitor.domain.counting import Recount
from monitor.domain.cron import Jobs
from monitor.domain.probing import ServiceTarget
from monitor.domain.runs import Runs
from monitor.domain.window import CAP
from monitor.profile import Profile
from monitor.settings.edit import Edited, Trail
from monitor.settings.editor import Editor
from monitor.sources.queries import Query
from monitor.sources.rows import Rows
from monitor.sources.sweep import Pull

RECOUNT_REST_S = 0.025
RARELY = 10
"""Questions whose answer changes slowly are asked in every tenth sweep."""
DAY_S = 86_400
EDITING: Mapping[str, type] = {"edit_setting": Edited, "setting_history": Trail}
"""The queries of a profile with which settings are edited, and the edits of the past are told."""


def checks(config: Config) -> list[Check]:
    """Make everything that is watched, with its limits. What the profile does not name is not watched."""
    profile, limits = config.profile, config.profile.limits
    ttl_s = 2 * limits["sweep_s"] + limits["query_timeout_s"] + limits["connect_timeout_s"]
    made: list[Check] = [
        Db(
            elevated_ms=limits["elevated_ms"],
            slow_ms=limits["slow_ms"],
            saturated_pct=limits["saturated_pct"],
            query_timeout_s=limits["query_timeout_s"],
            connect_timeout_s=limits["connect_timeout_s"],
            sample_s=limits["sample_s"],
            sweep_s=limits["sweep_s"],
            note_min=limits["note_min"],
            queueing=Limits(
                lock_wait_s=limits["lock_wait_s"],
                commit_waiters=int(limits["commit_waiters"]),
                queue_warn_pct=limits["queue_warn_pct"],
                queue_fail_pct=limits["queue_fail_pct"],
            ),
        ),
        _realtime(profile, ttl_s),
        Triggers(
            expected=profile.triggers,
            ttl_s=ttl_s,
            mute_rows=int(limits["mute_rows"]),
            mute_settle_s=limits["mute_settle_s"],
            leak_hold_min=limits["leak_hold_min"],
        ),
        RecentActivity(
            quiet_h=limits["quiet_h"],
            silent_h=limits["silent_h"],
            bot_window_min=int(limits["bot_window_min"]),
            bot_min_user=int(limits["bot_min_user"]),
            quiet_hours=profile.quiet_hours,
            ttl_s=ttl_s,
        ),
        MessageThroughput(
            max_5m=int(limits["max_5m"]),
            min_60m=int(limits["min_60m"]),
            quiet_hours=profile.quiet_hours,
            ttl_s=ttl_s,
            senders=profile.senders,
            zone=profile.zone,
            alpha=limits["alpha"],
            learning_days=int(limits["learning_days"]),
            deltas=config.deltas is not None,
            channels=_counting(config),
        ),
    ]
    if profile.clusters is not None:
        made.append(ClusterCoverage(profile.clusters, ttl_s))
    if profile.flags is not None:
        made.append(FeatureFlags(profile.flags.expected, profile.flags.applied_by, ttl_s=ttl_s))
    if profile.jobs:
        made.append(Cron(profile.jobs, int(limits["fails_24h"]), limits["long_factor"], ttl_s))
    made += [_service(profile, target, ttl_s) for target in profile.services]
    if profile.settings:
        made.append(Settings(profile.settings, ttl_s))
    made.append(
        Monitor(
            lag_ms=limits["lag_ms"],
            stall_s=limits["stall_s"],
            sweep_budget_s=limits["sweep_budget_s"],
            clock_step_s=limits["clock_step_s"],
            note_min=limits["note_min"],
            queue_warn_pct=limits["queue_warn_pct"],
            version=__version__,
            ttl_s=2 * limits["sample_s"] + limits["connect_timeout_s"],
        )
    )
    return made


def _counting(config: Config) -> frozenset[str]:
    """Give the channels without which the count may miss something."""
    if config.deltas is not None:
        return frozenset({config.deltas.channel})
    channels = config.profile.channels.items()
    return frozenset(name for name, channel in channels if MessageThroughput.name in channel.hints)


def _realtime(profile: Profile, ttl_s: float) -> Realtime:
    limits, broker = profile.limits, profile.broker
    return Realtime(
        channels={name: channel.realtime for name, channel in profile.channels.items()},
        canary_deadline_s=limits["canary_deadline_s"],
        # The broker is told of in every sample, PostgreSQL's side in every sweep.
        ttl_s=max(ttl_s, 2 * limits["sample_s"] + limits["connect_timeout_s"]),
        relays=broker.relays if broker is not None else {},
        broker=broker is not None,
        relay_deadline_s=limits["relay_deadline_s"],
        relay_misses=int(limits["relay_misses"]),
        relay_single_s=limits["relay_single_s"],
        relay_proof_min=limits["relay_proof_min"],
        hop_slow_ms=limits["hop_slow_ms"],
        storm_per_s=limits["storm_per_s"],
        settle_s=limits["settle_s"],
    )


def _service(profile: Profile, target: ServiceTarget, ttl_s: float) -> Service:
    limits = profile.limits
    return Service(
        target.name,
        target.kind,
        target.label,
        slow_ms=limits["service_slow_ms"],
        timeout_s=limits["service_timeout_s"],
        ttl_s=ttl_s + limits["service_timeout_s"],
    )


def queries(profile: Profile) -> Sequence[Query]:
    """Read every query that this platform is asked; `ProfileError` names a missing one."""
    return [Query.load(profile.queries, name, facts) for name, facts in _facts(profile).items()]


def editor(profile: Profile, reading: Target, target: Target | None = None, **bounds: float) -> Editor:
    """Make what edits the settings, by the role of `target`; by that of `reading` past edits are read.

    A platform without an audit log has no setting_history.sql, and one whose settings cannot be edited no
    edit_setting.sql. `bounds` are further ones of the editor's.
    """
    found = {name: if_there(profile, name, facts) for name, facts in EDITING.items()}
    return Editor(
        profile.settings,
        reading,
        target,
        edit=found["edit_setting"],
        trail=found["setting_history"],
        connect_timeout_s=profile.limits["connect_timeout_s"],
        **bounds,
    )


def if_there(profile: Profile, name: str, facts: type) -> Query | None:
    """Read a query that a platform may do without."""
    return Query.load(profile.queries, name, facts) if (profile.queries / f"{name}.sql").is_file() else None


def _facts(profile: Profile) -> dict[str, type]:
    facts: dict[str, type] = {
        "recount": Recount,
        "rates": Rates,
        "recent": Recent,
        "replies": Replies,
        "history": History,
        "activity": Activity,
        "triggers": Catalogue,
        "connections": Connections,
        "contention": Contention,
        "storage": Storage,
        "statements": Statements,
    }
    if profile.clusters is not None:
        facts["coverage"] = Coverage
    if profile.jobs:
        facts |= {"cron": Jobs, "runs": Runs}
    if profile.settings:
        facts["settings"] = Entries
    return facts | {f"rows_{trigger.rows}": Committed for trigger in profile.triggers if trigger.rows}


def pulls(
    config: Config,
    recount: Session,
    sweep: Session,
    since: Callable[[], float],
    *,
    heard: Callable[[], int] = lambda: 0,
    unclaimed: Callable[[str], Sequence[str]] = lambda _: (),
) -> list[Pull]:
    """Make every question of the sweep; `since` says from which Unix second on the rates are to be counted.

    `heard` says how many signals have been heard so far, `unclaimed` which keys of a trigger's no row has explained.

    What a signal hints at is asked on the session of the recount, the rest on that of the sweep, so that neither waits
    for the other.
    """
    profile, limits = config.profile, config.profile.limits
    found = {query.name.removesuffix(".sql"): query for query in queries(profile)}
    daily = max(1, round(DAY_S / limits["sweep_s"]))
    senders, tables = list(profile.senders), sorted({trigger.table for trigger in profile.triggers})
    jobs, keys = [job.name for job in profile.jobs], [setting.key for setting in profile.settings]
    secrets = [setting.key for setting in profile.settings if setting.secret]
    plan = {
        "recount": Pull(
            "message_throughput",
            found["recount"],
            recount,
            RECOUNT_REST_S,
            on_signal=config.deltas is None,
            arguments=lambda: (CAP,),
        ),
        "recent": Pull("message_throughput", found["recent"], recount, 1.0, arguments=lambda: (senders,)),
        "rates": Pull("message_throughput", found["rates"], recount, 1.0, arguments=lambda: (since(),)),
        "replies": Pull("message_throughput", found["replies"], recount, 1.0, optional=True),
        "history": Pull("message_throughput", found["history"], sweep, 60.0, every=daily, optional=True, hinted=False),
        "activity": Pull(
            "recent_activity",
            found["activity"],
            recount,
            1.0,
            arguments=lambda: (senders, int(limits["bot_window_min"])),
        ),
        "triggers": Pull("triggers", found["triggers"], sweep, 1.0, arguments=lambda: (tables,)),
        "connections": Pull("db", found["connections"], sweep, 1.0, optional=True),
        "contention": Pull(
            "db",
            found["contention"],
            sweep,
            1.0,
            optional=True,
            arguments=lambda: (heard(),),
            pace_s=limits["sample_s"],
        ),
        "storage": Pull("db", found["storage"], sweep, 1.0, every=RARELY, optional=True),
        "statements": Pull("db", found["statements"], sweep, 1.0, every=RARELY, optional=True),
    }
    if "coverage" in found:
        plan["coverage"] = Pull("cluster_coverage", found["coverage"], sweep, 1.0)
    if "cron" in found:
        plan["cron"] = Pull("cron", found["cron"], sweep, 1.0, arguments=lambda: (jobs,))
        plan["runs"] = Pull("cron", found["runs"], sweep, 1.0, optional=True, arguments=lambda: (jobs,))
    if "settings" in found:
        plan["settings"] = Pull("settings", found["settings"], sweep, 1.0, arguments=lambda: (keys, secrets))
    return [*plan.values(), *(_rows(trigger, found, sweep, unclaimed) for trigger in profile.triggers if trigger.rows)]


def _rows(
    trigger: Trigger, found: Mapping[str, Query], session: Session, unclaimed: Callable[[str], Sequence[str]]
) -> Pull:
    """Count a trigger's rows, to be held against its signals; where the role may not, the catalogue is judged alone."""
    rows, query = Rows(trigger.name, unclaimed), found[f"rows_{trigger.rows}"]
    return Pull(
        "triggers", query, session, 1.0, optional=True, hinted=False, arguments=rows.arguments, dress=rows.dress
    )
