// SPDX-License-Identifier: MIT

// bare answers each HTTP request with a greeting, with as little as will do: no parsing beyond the end of the head. It is the
// most that Go's network poller and scheduler can do.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
)

var (
	end    = []byte("\r\n\r\n")
	answer = []byte("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n" +
		"Content-Length: 14\r\n\r\nHello, world!\n")
)

func serve(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, 4096)
	have := 0
	for {
		n, err := c.Read(buffer[have:])
		if err != nil {
			return
		}
		have += n
		var out []byte
		used := 0
		for {
			at := bytes.Index(buffer[used:have], end)
			if at < 0 {
				break
			}
			used += at + len(end)
			out = append(out, answer...)
		}
		have = copy(buffer, buffer[used:have])
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
		if have == len(buffer) {
			return
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("bare: http://%s\n", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(c)
	}
}
