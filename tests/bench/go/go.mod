// SPDX-License-Identifier: MIT
module mote-bench-go

go 1.19
