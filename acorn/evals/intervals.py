"""How sure a share is."""


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """
    95 % interval of hits / n (Wilson 1927): stays within 0..1 and is right for small n and for shares near 0 and 1.
    wilson(8, 10) -> (0.490, 0.943)   wilson(0, 0) -> (0.0, 1.0)
    """
    if n == 0:
        return 0.0, 1.0
    p, z2 = hits / n, z * z
    middle, half = p + z2 / (2 * n), z * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, (middle - half) / (1 + z2 / n)), min(1.0, (middle + half) / (1 + z2 / n))
