import time
from tests.integration.ask.test_deciding import *


async def test_perf(ask):
    desk = a_desk()
    for r in range(4):
        bodies = [a_profile("token", customer=f"c{r}-{n}") for n in range(250)] + [
            a_signal(f"e{r}-{n}", customer=f"c{r}-{n}", correlation=f"o{n}") for n in range(250)
        ]
        its = items(*bodies)
        t = time.perf_counter()
        async with ask.transaction() as c:
            await desk.hear(c, its, START)
        print("500 records (250 asks):", round(time.perf_counter() - t, 3))
    bodies = [a_signal(f"x{n}", customer=f"c0-{n % 250}") for n in range(500)]
    its = items(*bodies)
    t = time.perf_counter()
    async with ask.transaction() as c:
        await desk.hear(c, its, START)
    print("500 silent:", round(time.perf_counter() - t, 3))
