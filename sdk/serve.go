package sdk

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	stuckWait = 3 * time.Second        // after force, until the process exits all the same
	closeWait = 2 * time.Second        // for closing what attempts shared
	flushWait = 100 * time.Millisecond // for the last frames to leave the process
)

// Serve runs the plugin until its host lets go of it. It is the one line of main, after whatever sets
// the runner up, and returns when the process should end. Started by hand, it explains itself and
// exits with 1.
//
// Attempts that are alive when the host stops the plugin or is lost get their grace, then force;
// those that ignore force do not keep the process alive.
//
// Serve takes over the process: standard input is the lifeline, standard output belongs to the
// handshake; what is printed to either output afterwards goes to the host's log. The environment is
// cleared of what is between host and plugin. SIGTERM stops the plugin in order, SIGINT and SIGPIPE
// do nothing.
func Serve(r Runner) {
	if os.Getenv(Handshake.MagicCookieKey) != Handshake.MagicCookieValue {
		byHand(os.Stderr, r)
		os.Exit(1)
	}
	keepDescriptors()
	env := readEnviron()
	p := &process{env: env, stderr: os.Stderr, served: make(chan struct{})}
	p.log = hclog.New(&hclog.LoggerOptions{Level: env.level, Output: os.Stderr, JSONFormat: true})
	p.service = NewService(r, ServiceOptions{Log: p.log, Launch: env.launch})
	if !p.run(os.Stdin) {
		os.Exit(1)
	}
}

// A process is a plugin at work.
type process struct {
	env     environ
	log     hclog.Logger
	stderr  *os.File // the real one; go-plugin replaces os.Stderr
	service *Service

	once   sync.Once                   // for the first call
	server atomic.Pointer[grpc.Server] // set just before the handshake
	served chan struct{}               // closed when the server has stopped
}

// run serves until something ends the plugin; false means that it never got as far as the handshake.
func (p *process) run(stdin *os.File) bool {
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	// Caught, not ignored: an ignored signal would be inherited by everything the runner starts.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGINT)
	go p.serve()
	reason := StopShutdown
	select {
	case <-lifeline(stdin):
		reason = StopHostLost
	case <-terminate:
	case <-p.served:
		if p.server.Load() == nil {
			return false
		}
	}
	p.shutdown(reason)
	return true
}

func (p *process) serve() {
	defer close(p.served)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: {PluginName: &grpcPlugin{serve: p.register}}},
		GRPCServer:       p.newServer,
		Logger:           p.log.Named("go-plugin"),
	})
}

// newServer makes the gRPC server; opts hold TLS credentials if the host asked for TLS.
func (p *process) newServer(opts []grpc.ServerOption) *grpc.Server {
	opts = append(opts, ServerOptions()...)
	if !p.env.tls {
		opts = append(opts, grpc.Creds(PeerCredentials(p.env.hostPID)))
	}
	opts = append(opts,
		grpc.UnaryInterceptor(func(
			ctx context.Context, req any, _ *grpc.UnaryServerInfo, call grpc.UnaryHandler,
		) (any, error) {
			p.once.Do(p.takeOutputBack)
			return call(ctx, req)
		}),
		grpc.StreamInterceptor(func(
			srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, call grpc.StreamHandler,
		) error {
			p.once.Do(p.takeOutputBack)
			return call(srv, stream)
		}))
	return grpc.NewServer(opts...)
}

// ServerOptions are what a server of a [Service] needs to keep the limits of the contract.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: time.Second, PermitWithoutStream: true,
		}),
	}
}

// register is called once the environment has been read for the last time.
func (p *process) register(s *grpc.Server) {
	clearEnviron()
	p.server.Store(s)
	p.service.Register(s)
}

// takeOutputBack undoes what go-plugin did to the standard outputs after the handshake: they end in a
// stream that blocks whoever prints when nobody reads it. The host logs what comes on the real one.
func (p *process) takeOutputBack() {
	os.Stdout, os.Stderr = p.stderr, p.stderr
}

// shutdown lets attempts end, then the server.
func (p *process) shutdown(reason StopReason) {
	p.log.Debug("plugin stops", "reason", reason.String())
	ctx, cancel := context.WithTimeout(context.Background(), p.service.longestGrace()+stuckWait)
	defer cancel()
	busy := len(p.service.runs.all()) > 0
	if err := p.service.Stop(ctx, reason); err != nil {
		p.log.Warn("plugin exits before its attempts have ended", "error", err)
	}
	closing, cancelClosing := context.WithTimeout(context.Background(), closeWait)
	defer cancelClosing()
	if err := p.service.Close(closing); err != nil {
		p.log.Debug("plugin exits before everything is closed", "error", err)
	}
	p.stopServer(busy)
}

// stopServer waits for the server's end, which removes the socket. With flush the last frames get a
// moment to leave.
func (p *process) stopServer(flush bool) {
	server := p.server.Load()
	if server == nil {
		return // ended before the handshake
	}
	if flush {
		timer := time.AfterFunc(flushWait, server.Stop)
		defer timer.Stop()
		server.GracefulStop()
	}
	server.Stop()
	select {
	case <-p.served:
	case <-time.After(closeWait):
	}
}

// grpcPlugin joins the service to go-plugin. There is no client side: the host brings its own.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	serve func(*grpc.Server)
}

func (g *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	g.serve(s)
	return nil
}

func (g *grpcPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("sdk: the host brings its own client")
}
