// Command floor is the least that a plugin could be: an empty gRPC server on the Unix socket that its
// argument names, which says when it listens and ends with its standard input.
package main

import (
	"fmt"
	"io"
	"net"
	"os"

	"google.golang.org/grpc"
)

func main() {
	l, err := net.Listen("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
	s := grpc.NewServer()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		s.Stop()
	}()
	fmt.Println("ready")
	if err := s.Serve(l); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}
