"""`expire` and `erase`: recordings that are kept for too long, and names that must go."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from pipeline.cli.shared import OK, REFUSED, positive, say


def add_expire(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `expire`."""
    parser.add_argument("--days", type=float, metavar="N", help="since the last thing done; else HEARTVISION_KEEP_DAYS")
    parser.add_argument("--quota-gb", type=float, metavar="GB", help="of all recordings; else HEARTVISION_QUOTA_GB")
    parser.add_argument("--signed", action="store_true", help="recordings of signed studies, too")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.set_defaults(command=_expire)


def add_erase(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `erase`."""
    parser.add_argument("study", type=positive, metavar="STUDY", help="number of any study of the recording")
    parser.add_argument("--as", required=True, dest="reader", metavar="NAME", help="who erases")
    parser.add_argument("--reason", required=True, help="why; stays in the audit trail, so without the name")
    parser.add_argument("--reports", action="store_true", help="delete the signed reports as well; their hashes stay")
    parser.add_argument(
        "--also", action="append", default=[], metavar="WORD", help="mask this word too, wherever it was typed"
    )
    parser.set_defaults(command=_erase)


def _expire(options: argparse.Namespace) -> int:
    from pipeline.errors import UsageError
    from pipeline.store.retention import expire, settings

    policy = settings()
    for value in (options.days, options.quota_gb):
        if value is not None and value <= 0:
            raise UsageError(f"{value:g} is not above 0.")
    if options.days is not None:
        policy = replace(policy, days=options.days)
    if options.quota_gb is not None:
        policy = replace(policy, quota_bytes=int(options.quota_gb * 1e9))
    if policy.days is None and policy.quota_bytes is None:
        raise UsageError("Nothing is limited; give --days or --quota-gb, or set HEARTVISION_KEEP_DAYS.")
    found = expire(replace(policy, signed=policy.signed or options.signed), dry=options.dry_run)
    for due in found.gone:
        of = f", {due.studies} studies" if due.studies else ", no study"
        sys.stdout.write(f"{due.digest[:12]}  {due.size_bytes / 1e6:.1f} MB{of}: {due.why}\n")
    would = "would go" if options.dry_run else "are gone"
    sys.stdout.write(f"{len(found.gone)} recordings {would}; {found.used_bytes / 1e6:.1f} MB are taken\n")
    if found.over_bytes:
        say(f"{found.over_bytes / 1e6:.1f} MB over the quota are left: recordings with a study, which a quota keeps.")
    return REFUSED if found.over_bytes else OK


def _erase(options: argparse.Namespace) -> int:
    from pipeline.config import sign_in_required
    from pipeline.principal import LOCAL
    from pipeline.store.erasure import erase_names

    who, why = options.reader, options.reason
    if sign_in_required():  # a name that is typed here proves nothing
        who, why = LOCAL, f"{options.reason} ({options.reader})"
    done = erase_names(options.study, reader=who, reason=why, reports=options.reports, also=options.also)
    sys.stdout.write(
        f"{done.studies} studies are called {done.name!r} now; decisions and signatures are as they were\n"
    )
    if done.reports_gone:
        sys.stdout.write(f"{done.reports_gone} signed reports are deleted\n")
    if done.reports_left:
        say(f"{done.reports_left} signed reports still print what was known then; --reports deletes them.")
    if done.masked:
        sys.stdout.write(f"{done.masked} comments, conclusions and other entries name nobody any more\n")
    say("Backups are as they were; `restore` erases it again. Names spelled otherwise stay; --also masks them.")
    if options.also:
        say("The words of --also are noted nowhere: after a restore, give them again.")
    return OK
