// SPDX-License-Identifier: MIT
module mote-bench-net-go

go 1.19
