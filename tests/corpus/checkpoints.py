"""Attacks on the checkpoints that stand beside a ledger."""

from collections.abc import Sequence
from dataclasses import replace

from ledger.block import Block
from ledger.checkpoint import NOTE_SIZE_MAX, Note, OtherSignature, format_note
from ledger.store import CHECKPOINT_FILE
from tests.forge import Forge

from .attacks import H1, H2, H3, Scene, cosigned, head, put_note, rewritten


def noted(forge: Forge, blocks: Sequence[Block]) -> Note:
    """The checkpoint over these blocks, cosigned by as many as a policy asks for."""
    return cosigned(forge, head(blocks), [H1, H2, H3])


def _put_bytes(scene: Scene, content: bytes) -> None:
    (scene.run / "ledger" / "h1" / CHECKPOINT_FILE).write_bytes(content)


def checkpoint_of_bytes(scene: Scene) -> None:
    _put_bytes(scene, b"no note\n")


def checkpoint_cut(scene: Scene) -> None:
    _put_bytes(scene, format_note(noted(scene.forge, scene.blocks))[:-5])


def checkpoint_too_large(scene: Scene) -> None:
    _put_bytes(scene, bytes(NOTE_SIZE_MAX + 1))


def checkpoint_of_another_log(scene: Scene) -> None:
    """Signed by the owner, with the right root, in the name of another log."""
    put_note(scene.run, cosigned(scene.forge, head(scene.blocks, "h2"), [H1, H2]))


def checkpoint_of_another_chain(scene: Scene) -> None:
    other = replace(head(scene.blocks), origin=f"tclearn.invalid/{'0' * 64}/h1")
    put_note(scene.run, cosigned(scene.forge, other, [H1]))


def checkpoint_without_its_owner(scene: Scene) -> None:
    put_note(scene.run, cosigned(scene.forge, head(scene.blocks), [H2, H3]))


def checkpoint_with_a_false_cosignature(scene: Scene) -> None:
    note = noted(scene.forge, scene.blocks)
    first, second, third = note.cosignatures
    put_note(
        scene.run,
        replace(note, signatures=(first, replace(second, signature=third.signature), third)),
    )


def checkpoint_with_another_key_id(scene: Scene) -> None:
    note = noted(scene.forge, scene.blocks)
    first, *rest = note.cosignatures
    put_note(scene.run, replace(note, signatures=(replace(first, key_id=bytes(4)), *rest)))


def checkpoint_signed_with_another_key(scene: Scene) -> None:
    note = cosigned(Forge(label="other"), head(scene.blocks), [H1])
    put_note(scene.run, note)


def checkpoint_of_another_root(scene: Scene) -> None:
    put_note(scene.run, noted(scene.forge, rewritten(scene, [H1, H2, H3])))


def checkpoint_of_another_beginning(scene: Scene) -> None:
    put_note(scene.run, noted(scene.forge, rewritten(scene, [H1, H2, H3])[:2]))


def checkpoint_ahead_of_the_log(scene: Scene) -> None:
    scene.put(scene.blocks[:-1])
    put_note(scene.run, noted(scene.forge, scene.blocks))


def log_rewritten_under_its_checkpoint(scene: Scene) -> None:
    put_note(scene.run, noted(scene.forge, scene.blocks[:3]))
    scene.put(rewritten(scene, [H1, H2, H3]))


def checkpoints_sound(scene: Scene) -> None:
    for size in (1, 2, 4):
        put_note(scene.run, noted(scene.forge, scene.blocks[:size]))


def checkpoint_with_a_strangers_line(scene: Scene) -> None:
    """The owner knows its witnesses: a line by nobody among them was put in later."""
    note = noted(scene.forge, scene.blocks)
    stranger = replace(note.cosignatures[1], name="example.org/witness")
    put_note(scene.run, replace(note, signatures=(*note.signatures, stranger)))


def checkpoint_with_a_line_of_another_type(scene: Scene) -> None:
    note = noted(scene.forge, scene.blocks)
    other = OtherSignature(note.cosignatures[1].name, bytes(4), b"plain")
    put_note(scene.run, replace(note, signatures=(*note.signatures, other)))
