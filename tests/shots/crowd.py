"""Too much for any page: many of everything, long names and errors, numbers beyond all measure."""

from __future__ import annotations

from tests.shots import made

LONG_JOB = "synchronise_admission_offers_with_the_national_registry_daily"


PEOPLE = ("Ayu Lestari", "Budi Santoso", "Citra Dewi Rahmawati", "Dimas")
OFF = {"trigger": "trg_notifications_notify_11", "table": "admission_cycle_2011_applicants", "enabled": "D"}
TURNING = ("triggers", "db", "services/inference-gateway-00.asia-southeast2", "cron")


def patch() -> made.Json:
    """Forty triggers, twelve clusters, long names and errors, numbers beyond all measure, many that fail at once."""
    well = made.BOARDS["ok"]["checks"]
    triggers = {}
    for index in range(40):
        name = (
            f"trg_{('messages', 'conversations', 'cluster_assignments', 'notifications')[index % 4]}_notify_{index:02}"
        )
        state = {3: "missing", 11: "disabled"}.get(index, "enabled")
        triggers[name] = {
            "table": f"admission_cycle_{2000 + index}_applicants",
            "channel": "messages",
            "function": "notify_the_realtime_broker_of_each_row",
            "state": state,
            "fired_5m": 1_234_567 * (index % 5),
            "rows_5m": 1_234_567 * (index % 5),
            **({"last_fired": made.stamp(97 * index)} if index % 7 else {}),
        }
    seats = {
        f"Fakultas {name}": {
            "covered": bool(index % 5),
            "expected": True,
            "counselors": {
                f"{first} Kusumawardhani-Notonegoro {index}": {"active": bool((index + place) % 3) and bool(index % 5)}
                for place, first in enumerate(PEOPLE[: index % 4 + 1])
            },
        }
        for index, name in enumerate((
            "Teknik Sipil dan Perencanaan Wilayah", "Ekonomi", "Kesehatan Masyarakat", "Hukum", "Seni", "Pertanian",
            "Kedokteran Gigi", "Ilmu Sosial dan Ilmu Politik", "Matematika dan Ilmu Pengetahuan Alam", "Psikologi",
            "Peternakan", "Kehutanan",
        ))
    }  # fmt: skip
    job = {
        "verdict": "warn",
        "reason": "cron.failing",
        "params": {"job": LONG_JOB, "fails": 1288, "limit": 3, "error": made.LONG_ERROR, "fingerprint": "9f1c22ab"},
        "since": made.stamp(86_000),
        "enabled": True,
        "schedule": "*/1 5-22 1,15 * MON-FRI",
        "last_run": made.stamp(44),
        "last_status": "failed",
        "last_s": 86_399.9,
        "fails_24h": 1288,
        "runs_24h": 1440,
        "abandoned": 12,
        "next_expected": made.stamp(-16),
        "usual_s": 7200,
        "last_error": made.LONG_ERROR,
        "fingerprint": "9f1c22ab",
        "errors": {
            f"9f1c22{index:02}": {
                "count": 1288 - index,
                "error": made.LONG_ERROR,
                "last_at": made.stamp(44 + 60 * index),
            }
            for index in range(5)
        },
    }
    services = {
        f"inference-gateway-{index:02}.asia-southeast2": {
            "verdict": "fail" if index % 4 == 0 else "ok",
            "since": made.stamp(300 * index + 10),
            "observed_at": made.stamp(13),
            "ttl_s": 65,
            "source": "sample",
            "headline": {"value": 98_765.4, "unit": "ms"} if index % 4 else None,
            "limits": {"timeout_s": 3, "slow_ms": 2000},
            "detail": {"kind": "http", "target": "http://inference-gateway.internal.example:18080/healthz?deep=true"},
            **(
                {"reason": "service.timeout", "params": {"service": f"inference-gateway-{index:02}", "timeout_s": 3}}
                if index % 4 == 0
                else {}
            ),
        }
        for index in range(14)
    }
    return {
        "status": "degraded",
        "since": made.stamp(90_061),
        "checks": {
            "db": {
                "verdict": "warn",
                "reason": "db.slow",
                "params": {"latency_ms": 98_765.4, "limit_ms": 500, "since": made.stamp(600)},
                "since": made.stamp(600),
                "headline": {"value": 98_765.4},
                "detail": {
                    "connections": {"used": 4999, "max": 5000, "active": 4321, "idle": 500, "idle_in_transaction": 178},
                    "size_mb": 12_345_678,
                    "longest_transaction_s": 987_654,
                    "lock_waits": 4321,
                    "blocked": {
                        str(2_147_483_000 + one): {
                            "by": 2_147_482_000,
                            "waiting_s": 86_400 + one,
                            "relation": "public.conversation_participants",
                        }
                        for one in range(6)
                    },
                },
            },
            "realtime": {"detail": {"channels": {"messages": {"events_5m": 98_765_432}}}},
            "triggers": {
                "verdict": "fail",
                "reason": "triggers.missing",
                "params": {"trigger": "trg_notifications_notify_03", "table": "admission_cycle_2003_applicants"},
                "since": made.stamp(487),
                "headline": {"value": 38, "of": 40},
                "also": {"triggers.disabled": {"verdict": "fail", "params": OFF}},
                "detail": {"triggers": dict.fromkeys(well["triggers"]["detail"]["triggers"]) | triggers},
            },
            "cluster_coverage": {
                "verdict": "warn",
                "reason": "cluster_coverage.inactive_only",
                "params": {
                    "clusters": ", ".join(name for name, seat in seats.items() if not seat["covered"]),
                    "names": ", ".join(
                        one for seat in seats.values() if not seat["covered"] for one in seat["counselors"]
                    ),
                    "covered": 9, "total": 12,
                },
                "since": made.stamp(3000),
                "headline": {"value": 9, "of": 12},
                "detail": {
                    "covered": 9,
                    "total": 12,
                    "clusters": dict.fromkeys(well["cluster_coverage"]["detail"]["clusters"]) | seats,
                },
            },
            "recent_activity": {"headline": {"value": 98_765_432}, "detail": {"hour": {"user": 98_765_432}}},
            "message_throughput": {
                "verdict": "warn",
                "reason": "message_throughput.above",
                "params": {"count": 12_345_678, "limit": 300, "window_min": 5},
                "since": made.stamp(200),
                "headline": {"value": 2_469_135.6},
                "detail": {"count_5m": 12_345_678, "count_60m": 98_765_432},
            },
        },
        "cron": {
            "verdict": "warn", "reason": "cron.failing", "params": job["params"], "since": made.stamp(86_000),
            "headline": {"value": 5, "of": 6}, "jobs": {LONG_JOB: job},
        },
        "services": dict.fromkeys(made.BOARDS["ok"]["services"]) | services,
        "settings": {
            "system.prompt_of_the_admissions_assistant_for_new_students": {
                "verdict": "ok", "type": "text", "editable": True, "version": 120, "changed_at": made.stamp(300),
                "changed_by": "a.very.long.address.of.a.person@admissions.huph.example",
                "value": "You are a friendly assistant of the admissions office. " * 5,
            },
        },
        **made.turns(*(
            (60.0 * index + 30, TURNING[index % 4], *(("ok", "fail") if index % 3 else ("fail", "ok")), None)
            for index in range(50)
        )),
    }  # fmt: skip
