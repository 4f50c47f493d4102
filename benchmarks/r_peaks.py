from pipeline.config import DEFAULT, data_root
import wfdb
from pipeline.intake import read_path
def read(db,record): return read_path(data_root()/db/f"{record}.hea")
def flutter(db,rec):
    a=wfdb.rdann(str(data_root()/db/rec),'atr'); out=[];st=None
    for s,y in zip(a.sample,a.symbol):
        if y=='[': st=s
        if y==']' and st is not None: out.append((int(st),int(s))); st=None
    return out
