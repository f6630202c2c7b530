// Command hostile is a runner plugin for tests: by default a good one, and with HOSTILE set one with
// that fault. It is written against the protocol and not the SDK, which would not let it.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

var mode = os.Getenv("HOSTILE")

func main() {
	before()
	if mode != "deaf" {
		go func() { // the lifeline
			_, _ = os.Stdin.Read(make([]byte, 1))
			os.Exit(0)
		}()
	}
	realOut := dup(1)
	after(realOut)
	cookie := sdk.Handshake
	if mode == "cookie" {
		cookie.MagicCookieValue = "another"
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  cookie,
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: {sdk.PluginName: &served{}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxSendMsgSize(1<<30), grpc.MaxRecvMsgSize(sdk.MaxMessage))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Output: os.Stderr, JSONFormat: true, Level: hclog.Info}),
	})
}

type served struct{ plugin.NetRPCUnsupportedPlugin }

func (*served) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterRunnerServiceServer(s, newService())
	return nil
}

func (*served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("not here")
}

func dup(fd int) *os.File {
	n, err := syscall.Dup(fd)
	if err != nil {
		panic(err)
	}
	return os.NewFile(uintptr(n), "dup")
}

// before is what goes wrong before the handshake.
func before() {
	switch mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot read the flux capacitor")
		os.Exit(3)
	case "exit0":
		os.Exit(0)
	case "hang":
		forever()
	case "hangdeaf":
		signal.Ignore(syscall.SIGTERM)
		forever()
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
	case "badlog":
		badLog()
	case "flood":
		for i := range 100_000 {
			fmt.Fprintf(os.Stderr, "line %d \x1b[31m of a flood\n", i)
		}
	case "garbage":
		os.Stdout.Write([]byte("\x00\xff\x1b[2J|||||\n\n\n1|1|unix|x\n"))
		forever()
	case "longfirst":
		os.Stdout.WriteString(strings.Repeat("x", 1<<20))
		forever()
	case "version":
		say("1|99|unix|" + listen() + "|grpc|")
	case "core":
		say("2|1|unix|" + listen() + "|grpc|")
	case "netrpc":
		say("1|1|unix|" + listen() + "|netrpc|")
	case "cert":
		say("1|1|unix|" + listen() + "|grpc|" + strings.Repeat("TUlJQ", 100))
	case "tcp":
		say("1|1|tcp|" + os.Getenv("HOSTILE_ADDR") + "|grpc|")
	case "foreign":
		say("1|1|unix|" + os.Getenv("HOSTILE_ADDR") + "|grpc|")
	case "dotdot":
		say("1|1|unix|" + os.Getenv("PLUGIN_UNIX_SOCKET_DIR") + "/../x|grpc|")
	case "abstract":
		say("1|1|unix|@solti|grpc|")
	case "symlink":
		link := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
		if err := os.Symlink(os.Getenv("HOSTILE_ADDR"), link); err != nil {
			panic(err)
		}
		say("1|1|unix|" + link + "|grpc|")
	case "long":
		say("1|1|unix|" + os.Getenv("PLUGIN_UNIX_SOCKET_DIR") + "/" + strings.Repeat("x", 200) + "|grpc|")
	case "notasocket":
		file := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "f")
		_ = os.WriteFile(file, nil, 0o600)
		say("1|1|unix|" + file + "|grpc|")
	case "otherlistens":
		otherListens()
	case "listen":
		if _, err := net.Listen("unix", os.Getenv("HOSTILE_ADDR")); err != nil {
			panic(err)
		}
		fmt.Println()
		forever()
	case "silent": // listens and never answers
		say("1|1|unix|" + listen() + "|grpc|")
	}
}

// say announces something and waits to be killed.
func say(line string) {
	fmt.Println(line)
	forever()
}

func listen() string {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "h")
	if _, err := net.Listen("unix", path); err != nil {
		panic(err)
	}
	return path
}

// otherListens has a child of its own listen on the announced socket.
func otherListens() {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "h")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "HOSTILE=listen", "HOSTILE_ADDR="+path)
	r, w, _ := os.Pipe()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_, _ = r.Read(make([]byte, 1))
	say("1|1|unix|" + path + "|grpc|")
}

func badLog() {
	for _, line := range []string{
		`{"@message":5}`, `{"@message":"a","@level":7}`, `{"@message":"a","@level":"info","@timestamp":{}}`,
		`{"@message":null,"@level":null}`, `{"@level":"info"}`, `{`, `[]`, `null`, "\x00\x1b[2J\xff\xfe", `{"@message":"x","@level":"info","a":{"b":[1,2,{"c":null}]}}`,
		"panic: not really", strings.Repeat("y", 100_000), strings.Repeat(`{"a":`, 5000),
	} {
		fmt.Fprintln(os.Stderr, line)
	}
}

// after is what goes wrong around a good handshake.
func after(out *os.File) {
	switch mode {
	case "bigline":
		go func() {
			<-serving
			for range 20 { // more than any pipe holds
				_, _ = out.WriteString(strings.Repeat("z", 70_000) + "\n")
			}
			close(written)
		}()
	case "prints":
		go func() {
			<-serving
			for i := range 5000 {
				fmt.Println("printed", i, strings.Repeat("p", 100))
			}
			close(written)
		}()
	case "grandchild":
		spawn(exec.Command("/bin/sh", "-c", "exec sleep "+nap()), false)
	case "escapee": // without session, environment and parent
		spawn(exec.Command("/usr/bin/env", "-i", "setsid", "/bin/sh", "-c", "(sleep "+nap()+" &) ; exit 0"), true)
	case "unmarked": // keeps its environment only
		spawn(exec.Command("setsid", "/bin/sh", "-c", "(sleep "+nap()+" &) ; exit 0"), true)
	}
}

// nap is how long what is left behind sleeps.
func nap() string {
	if n := os.Getenv("HOSTILE_NAP"); n != "" {
		return n
	}
	return "300"
}

// spawn starts a process that shares our outputs, and with wait lets it end.
func spawn(cmd *exec.Cmd, wait bool) {
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	if wait {
		_ = cmd.Wait()
	}
}

// forever hangs. An empty select would be found out by the runtime where there is no cgo.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}
