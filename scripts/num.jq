# SPDX-License-Identifier: GPL-2.0
# A figure as people read it: three decimals at most, none of 1000 and more, and no "-0".
def num: if fabs >= 1000 or . == floor then floor else . * 1000 | round / 1000 end | if . == 0 then 0 else . end;
