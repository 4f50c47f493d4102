import sys,pickle; sys.path.insert(0,'/tmp/rhythm15x')
from sharp import *
for r in ['vfdb_430','vfdb_612','vfdb_614','mitdb_231']:
    g=pickle.load(open(f'/tmp/rhythm15x/{r}.pkl','rb')); c=g['context']; m=conduction_of(c)
    for e in g['rhythm']:
        if e.rhythm in('BII','BIII'):
            print(r,e.detail,round(e.start_s),[(h,d,round(float(rho(c,m,e,h,d)),2)) for h,d in((.08,1),(.1,1),(.1,2),(.12,2),(.14,2),(.16,2),(.18,2),(.16,3))])
