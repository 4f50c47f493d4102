"""XML of strangers: parsed once, within bounds, without entities; what readers then see is this tree and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import IntakeError, LimitError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

XML_BYTES: Final = 16 * 2**20  # an ECG of 10 s has less than 0.5 MB; a reader of text needs 30 bytes for each of a file
DEPTH: Final = 64  # elements within each other; HL7's own example has 15
ELEMENTS: Final = 100_000  # HL7's own example has 1,463
_RX_ROOT: Final = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_RX_SPACE: Final = re.compile(r"\s*")
_RX_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
_RX_ENCODING: Final = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def root_name(head: bytes) -> str:
    """Return the name of a document's root element without its namespace, or "" if the beginning of a file is no XML.

    Examples
    --------
    >>> root_name(b'<?xml version="1.0"?><!-- made here --><hl7:AnnotatedECG xmlns:hl7="urn:hl7-org:v3">')
    'AnnotatedECG'
    >>> root_name(b"time,I,II")
    ''
    """
    text = head_text(head)
    at: int | None = 0
    while at is not None:
        at = _RX_SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if not text.startswith(("<?", "<!"), at):
            match = _RX_ROOT.match(text, at)
            return match[1] if match else ""
        at = _after_prologue(text, at)
    return ""


def _after_prologue(text: str, at: int) -> int | None:
    """Return the place after an instruction, a comment or a document type that begins here; None without its end."""
    if text.startswith("<?", at):
        return _after(text, "?>", at)
    if text.startswith("<!--", at):
        return _after(text, "-->", at)
    end, own = text.find(">", at), text.find("[", at)
    if text[at : at + 9].upper() != "<!DOCTYPE" or end < 0:
        return None
    if 0 <= own < end:  # declarations of its own, which may hold any number of ">"
        closed = text.find("]", own)
        return None if closed < 0 else _after(text, ">", closed)
    return end + 1


def _after(text: str, what: str, at: int) -> int | None:
    found = text.find(what, at)
    return None if found < 0 else found + len(what)


def head_text(head: bytes) -> str:
    """Decode the beginning of a document: UTF-16 by its mark or its zero bytes, else byte by byte."""
    if head.startswith((b"\xff\xfe", b"<\x00")):
        return head.decode("utf-16-le", "ignore").lstrip("\ufeff")
    if head.startswith((b"\xfe\xff", b"\x00<")):
        return head.decode("utf-16-be", "ignore").lstrip("\ufeff")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def checked_root(payload: bytes, what: str) -> Element:
    """Parse a document within bounds and return its root; names lose their namespaces.

    Parameters
    ----------
    payload : bytes
        The whole file, in UTF-8, UTF-16, Latin-1 or the encoding that it declares.
    what : str
        What to call the file in a message, such as "GE MUSE XML file".

    Raises
    ------
    LimitError
        If it is too large, or its elements are too many or too deep.
    IntakeError
        If it declares entities or a document type of its own, refers to another file, or is no well-formed XML.
    """
    if len(payload) > XML_BYTES:
        raise LimitError(f"The {what} has {len(payload):,} bytes, the limit is {XML_BYTES:,}; export one recording.")
    from defusedxml import DefusedXmlException

    try:
        root = _parsed(payload, what)
    except DefusedXmlException as error:
        raise IntakeError(
            f"The {what} declares entities or refers to another file, which is not read; export it again without them."
        ) from error
    except (SyntaxError, LookupError, ValueError) as error:  # ElementTree's ParseError is a SyntaxError
        raise IntakeError(f"The {what} is no well-formed XML: it is cut off or damaged; export it again.") from error
    _strip_namespaces(root)
    return root


def canonical(root: Element) -> bytes:
    """Return a checked document as UTF-8 bytes for a reader that takes files."""
    from xml.etree.ElementTree import tostring

    written: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written


def text_of(element: Element | None, path: str) -> str:
    """Return the text at a path below an element on one line, or "" where there is none.

    Parameters
    ----------
    element : Element or None
        Where the path begins.
    path : str
        Names of elements with "/" between them.
    """
    found = None if element is None else element.find(path)
    return "" if found is None else " ".join("".join(found.itertext()).split())


def _parsed(payload: bytes, what: str) -> Element:
    """Parse; a document whose bytes are not in the encoding that it declares is read as what its bytes are."""
    try:
        return _fed(payload, what)
    except (SyntaxError, LookupError, ValueError):
        if payload.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise
        text = _decoded(payload.removeprefix(b"\xef\xbb\xbf"))
        return _fed(_RX_DECLARATION.sub("", text, count=1).encode("utf-8", "replace"), what)


def _decoded(payload: bytes) -> str:
    declared = _RX_ENCODING.match(payload[:1024])
    for encoding in (declared[1].decode("ascii") if declared else "utf-8", "utf-8"):
        try:
            return payload.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return payload.decode("latin-1")


def _fed(payload: bytes, what: str) -> Element:
    from xml.etree.ElementTree import TreeBuilder

    from defusedxml.ElementTree import XMLParser

    class Bounded(TreeBuilder):
        """Builds the tree, and stops where it gets too deep or too wide."""

        depth = 0
        count = 0

        def start(self, tag: Any, attrs: Any, /) -> Any:
            self.depth += 1
            self.count += 1
            if self.depth > DEPTH:
                raise LimitError(f"The {what} has more than {DEPTH} elements within each other; it is no ECG.")
            if self.count > ELEMENTS:
                raise LimitError(f"The {what} has more than {ELEMENTS:,} elements; export one recording.")
            return super().start(tag, attrs)

        def end(self, tag: Any, /) -> Any:
            self.depth -= 1
            return super().end(tag)

    class Parser(XMLParser):  # type: ignore[misc, valid-type, unused-ignore]
        """Refuses every declaration inside the document; a mere name of a document type, as MUSE writes, is passed."""

        def defused_start_doctype_decl(self, name: Any, sysid: Any, pubid: Any, has_internal_subset: Any) -> None:
            if has_internal_subset:
                super().defused_start_doctype_decl(name, sysid, pubid, has_internal_subset)

    parser = Parser(target=Bounded(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.feed(payload)
    root: Element = parser.close()
    return root


def _strip_namespaces(root: Element) -> None:
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]
        if any("}" in name for name in element.attrib):
            element.attrib = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
