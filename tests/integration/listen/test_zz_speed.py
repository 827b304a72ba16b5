import json,time
from tests.integration.listen.test_handle import *
async def test_speed(listening, clock):
    lines=open("/tmp/h_olist.jsonl","rb").read().splitlines()
    olist=consumer(listening,clock,CATALOGS/"olist"); t=time.perf_counter()
    for f in range(0,len(lines),500): await olist.take(records("olist.events",lines[f:f+500],f))
    print("RATE",len(lines)/(time.perf_counter()-t), await counted(listening))
