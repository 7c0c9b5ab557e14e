"""What a GPS logger in a kart would have written of an invented drive."""

from __future__ import annotations

from trackd.gps.trace import Trace


def dovex(trace: Trace, utc_us: int) -> bytes:
    """A DOVEX file: it tells GPS time. ``utc_us``: the instant at which the trace's clock is 0."""
    rows = ["timestamp,sats,hdop,lat,lng,speed_mph,altitude_m,heading_deg,h_acc_m,rpm"]
    rows += [f"{(utc_us + t_us) / 1000:.3f},12,0.8,{lat:.9f},{lon:.9f},{speed / 0.44704:.3f},0,0,0.5,0"
             for t_us, lat, lon, speed in zip(trace.t_us.tolist(), trace.lat_deg.tolist(), trace.lon_deg.tolist(),
                                              trace.speed_mps.tolist(), strict=True)]
    return "\n".join(rows).encode()


def aim_csv(trace: Trace) -> bytes:
    """An AiM CSV: its clock is its own."""
    rows = ["Format,AiM CSV File", "Venue,Round", "Vehicle,Kart", "Racer,Ada Lovelace",
            f"Duration,{trace.duration_us / 1e6:.3f}", "",
            "Time,GPS Latitude,GPS Longitude,GPS Speed", "s,deg,deg,km/h", ""]
    rows += [f"{(t_us - trace.t_us[0]) / 1e6:.3f},{lat:.9f},{lon:.9f},{speed * 3.6:.3f}"
             for t_us, lat, lon, speed in zip(trace.t_us.tolist(), trace.lat_deg.tolist(), trace.lon_deg.tolist(),
                                              trace.speed_mps.tolist(), strict=True)]
    return "\n".join(rows).encode()
