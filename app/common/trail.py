"""Whether the audit trail is as it was written, said where studies are listed, read and signed, and on About."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.common import cache
from app.common.text import plain
from pipeline.config import database_url
from pipeline.errors import StoreError
from pipeline.principal import Principal
from pipeline.store.chain import Trail
from pipeline.store.database import parsed_url
from pipeline.store.verification import verify_study
from pipeline.wording import grouped

REPAIR = "Run `heartvision verify`, and compare with the last backup."


def warn() -> None:
    """What was changed in any study, if anything was: found when the server first looked, and every hour."""
    _say(cache.trail(database_url()).faults, "The audit trail was changed outside HeartVision.")


def warn_of(study_id: int, who: Principal) -> None:
    """What was changed in this study, looked at each time it is shown."""
    _say(verify_study(study_id, reader=who), "What is kept of this study was changed outside HeartVision.")


def about() -> None:
    """How long the chain is, since when, and its last hash, to be noted elsewhere."""
    st.subheader("Audit trail", anchor=False)
    url = parsed_url(database_url())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        st.markdown("Nothing was reviewed on this machine yet.")
        return
    try:
        found = cache.trail(database_url())
    except StoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    warn()
    st.markdown(words(found))
    st.code(found.head, language=None)


def words(found: Trail) -> str:
    """The state of the chain in two sentences."""
    whole = "" if found.faults else "; none was changed, removed or put in"
    older = f" {grouped(found.adopted)} of them are older than the chain." if found.adopted else ""
    return (
        f"{grouped(found.entries)} entries since {found.since:%Y-%m-%d}, each linked to the one before by a "
        f"hash{whole}.{older} Whoever notes the last hash elsewhere, as every backup does, can tell later that the "
        "trail before it is still the same:"
    )


def _say(faults: tuple[str, ...], head: str) -> None:
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        st.error(f"**{head}** {plain(' '.join(faults[:3]))}{more} {REPAIR}", icon=":material/gpp_bad:")
