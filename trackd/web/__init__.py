"""Screens and API: Litestar handlers, typed views, event streams. Reaches store and links only through services."""
