package sdktest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// closeTimeout bounds the end of what a test has started.
const closeTimeout = 10 * time.Second

// Serve serves r in this process over a Unix socket, with everything of a plugin but the process, and
// returns a client of it. It is for the unit tests of a runner's author. At the end of the test live
// attempts are forced to end; one that does not fails the test.
func Serve(t testing.TB, r sdk.Runner) pluginv1.RunnerServiceClient {
	t.Helper()
	return ServeWith(t, sdk.NewService(r, sdk.ServiceOptions{}))
}

// ServeWith does the same with a service that the caller has made.
func ServeWith(t testing.TB, service *sdk.Service) pluginv1.RunnerServiceClient {
	t.Helper()
	path := filepath.Join(socketDir(t), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(sdk.ServerOptions(), grpc.Creds(sdk.PeerCredentials(os.Getpid())))...)
	service.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn := dial(t, path, os.Getpid())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			t.Errorf("close the service: %v", err)
		}
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return pluginv1.NewRunnerServiceClient(conn)
}

// dial connects to the process pid behind a socket, within the limits of the contract.
func dial(t testing.TB, path string, pid int) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}),
		grpc.WithTransportCredentials(sdk.PeerCredentials(pid)),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(sdk.MaxMessage), grpc.MaxCallSendMsgSize(sdk.MaxMessage+1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// socketDir makes a directory with a path short enough for sockets, which t.TempDir does not promise.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "solti") //nolint:usetesting // a socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
