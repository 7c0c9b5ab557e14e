"""Invented drivers from everywhere, some with names that test a narrow column."""

from __future__ import annotations

FIRST = (
    "Ada", "Aiko", "Amélie", "Anselm", "Bruno", "Chiara", "Dagny", "Diego", "Elif", "Émile", "Farah", "Fjodor", "Greta",
    "Hanne", "Ignacio", "Ines", "Jaroslava", "Jürgen", "Kofi", "Lærke", "Luca", "Maximiliane", "Mei", "Niamh", "Nikolai",
    "Oona", "Otis", "Pelle", "Priya", "Quentin", "Ravi", "Rosa", "Sören", "Tamsin", "Tomáš", "Ulrike", "Viggo", "Wanjiru",
    "Yusuf", "Żaneta",
)
LAST = (
    "Abernathy", "Ångström", "Bellarosa", "Brückenwirth-Überländer", "Castelló", "Dąbkowska", "Eikeland", "Ferrantini",
    "Fuchsloch", "Grünfelder", "Hasegane", "Hollowell", "Iwanicki", "Jørgensby", "Kellerhofmeister", "Kurvenreich",
    "Lindqvart", "Mbokanda", "Müllerschön", "Novotnik", "O'Farrelly", "Okwuosa", "Pagliarosso", "Quiñalba", "Radoslavny",
    "Rennsteiger", "Sandhu-Vale", "Schwindelfrei", "Tanimori", "Theodorakos", "Ufermann", "Vanderstok", "Wolkenschlösser",
    "Xanthis", "Yıldızhan", "Zimmermannsdorfer",
)
