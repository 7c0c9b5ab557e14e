"""Finding oneself at the kiosk by the first letters of a name: whatever stands on its letters, and however it is begun."""

from __future__ import annotations

from trackd.web.kiosk import ALPHABET, PEOPLE, folded, letters_of

HALL = {"1": "Zoë Müller", "2": "Ángel de la Cruz", "3": "Łukasz Łaska", "4": "Øyvind Søe", "5": "Zoe Muth",
        "6": "Jean-Luc O'Neil"}


def names(typed: str) -> list[str]:
    return [name for _, name in letters_of(HALL, typed).people]


def test_a_name_is_found_without_its_accents_by_its_first_and_by_its_last_part() -> None:
    assert names("zoe") == ["Zoë Müller", "Zoe Muth"]
    assert names("MUL") == ["Zoë Müller"]
    assert names("ange") == ["Ángel de la Cruz"]
    assert names("DELACRUZ") == names("cruz") == ["Ángel de la Cruz"]
    assert names("LA") == ["Ángel de la Cruz", "Łukasz Łaska"]
    assert names("OYV") == names("soe") == ["Øyvind Søe"]
    assert names("one") == names("LUC") == ["Jean-Luc O'Neil"]
    assert names("xx") == []


def test_only_letters_that_lead_to_somebody_can_be_touched() -> None:
    first = letters_of(HALL, "")
    assert first.people == ()
    assert [letter for letter, to in first.keys if to] == ["A", "C", "D", "J", "L", "M", "O", "S", "Z"]
    assert dict(letters_of(HALL, "zoem").keys)["U"] == "ZOEMU"
    assert [letter for letter, to in letters_of(HALL, "MU").keys if to] == ["L", "T"]
    assert "".join(letter for letter, _ in first.keys) == ALPHABET


def test_every_letter_that_can_be_touched_finds_somebody() -> None:
    seen, open_ = set(), [""]
    while open_:
        typed = open_.pop()
        view = letters_of(HALL, typed)
        assert not typed or view.people
        assert view.back == typed[:-1]
        seen |= {driver for driver, _ in view.people}
        open_ += [to for _, to in view.keys if to]
    assert seen == HALL.keys()


def test_of_many_the_first_are_shown_and_the_rest_counted() -> None:
    crowd = {str(number): f"Anna {chr(65 + number)}" for number in range(PEOPLE + 4)}
    view = letters_of(crowd, "ANNA")
    assert [name for _, name in view.people] == [f"Anna {letter}" for letter in ALPHABET[:PEOPLE]]
    assert view.more == 4


def test_what_is_no_letter_is_left_out() -> None:
    assert folded("  Renée d'Arc-2 ß") == "RENEEDARCSS"
    assert letters_of(HALL, "<b>" * 40).typed == "B" * 20
    assert letters_of({"1": "李娜"}, "").keys[0] == ("A", "")
