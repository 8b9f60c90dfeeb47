"""What the commands do, as functions of plain values and tables; `dse` itself offers them."""
