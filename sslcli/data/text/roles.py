"""Which special tokens play which roles, and which of them a vocabulary alone does not show."""

from collections.abc import Collection, Mapping

# The names under which a special token of a role is found, best first; model directories say theirs
# themselves.
ROLES: Mapping[str, tuple[str, ...]] = {
    "mask_token": ("[MASK]", "<mask>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "eos_token": ("<|endoftext|>", "</s>"),
}
BEGIN = "bos_token"  # as a directory names it: no tokenizer of ours has one
_IN_TEMPLATE = ("eos_token", BEGIN)  # which says them

Roles = Mapping[str, int | None]


def usual_roles(ids: Mapping[str, int]) -> Roles:
    """Return the roles of a vocabulary's tokens where nothing else declares them."""
    named = {role: [ids[name] for name in names if name in ids] for role, names in ROLES.items()}
    return {role: next(iter(found), None) for role, found in named.items()}


def moved_roles(roles: Roles, usual: Roles, special: Collection[int]) -> dict[str, int]:
    """Return the roles that the vocabulary does not show.

    These are roles of another token than the usual one, or of one that is not among the `special`
    ones. For begin and end the template says the former.
    """
    return {
        role: token
        for role, token in roles.items()
        if token is not None
        and token != usual.get(role)
        and (token not in special or (role not in _IN_TEMPLATE and usual[role] is not None))
    }
