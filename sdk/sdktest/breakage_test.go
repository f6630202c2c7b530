package sdktest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// breakages are plugins that the suite must not let pass, each with one fault.
var breakages = map[string]func(){
	// prints before the handshake
	"loud": func() {
		fmt.Println("hello")
		sdk.Serve(subjectRunner{name: "loud"})
	},
	// has another version after each start
	"fickle": func() { sdk.Serve(fickle{subjectRunner{name: "fickle"}}) },
	// counts in the host's name
	"boastful": func() { sdk.Serve(boastful{subjectRunner{name: "boastful"}}) },
	// neither asks nor forces
	"deaf": func() {
		sdk.Serve(subjectRunner{name: "deaf", change: func(ctx context.Context, t *subjectTask, run *sdk.Run) error {
			if t.spec.Do == "forever" || t.spec.Do == "stubborn" {
				_, _ = run.Stdout.Write([]byte("deaf"))
				select {}
			}
			return t.Run(ctx, run)
		}})
	},
	// ends runs before their processes have ended
	"careless": func() {
		sdk.Serve(subjectRunner{name: "careless", change: func(ctx context.Context, t *subjectTask, run *sdk.Run) error {
			if t.spec.Do != "spawn" {
				return t.Run(ctx, run)
			}
			cmd := exec.Command("sleep", "600")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				return err
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}})
	},
	// gives its own environment to tasks
	"leaky": func() {
		sdk.Serve(subjectRunner{name: "leaky", change: func(ctx context.Context, t *subjectTask, run *sdk.Run) error {
			if t.spec.Do == "env" {
				for _, line := range os.Environ() {
					fmt.Fprintln(run.Stdout, line)
				}
			}
			return t.Run(ctx, run)
		}})
	},
	// loses the last output of a run
	"lossy": func() {
		serveChanged("lossy", func(m *pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse {
			for i, f := range m.Frames {
				if o := f.GetOutput(); o != nil && i+1 < len(m.Frames) && m.Frames[i+1].GetExited() != nil {
					o.Data = o.Data[:len(o.Data)-1]
				}
			}
			return []*pluginv1.RunTaskResponse{m}
		})
	},
	// goes on after the end
	"endless": func() {
		serveChanged("endless", func(m *pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse {
			last := m.Frames[len(m.Frames)-1]
			if last.GetExited() == nil {
				return []*pluginv1.RunTaskResponse{m}
			}
			beat := &pluginv1.Frame{Seq: last.Seq + 1, Body: &pluginv1.Frame_Heartbeat{}}
			return []*pluginv1.RunTaskResponse{m, {Frames: []*pluginv1.Frame{beat}}}
		})
	},
	// counts wrongly
	"gappy": func() {
		serveChanged("gappy", func(m *pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse {
			for _, f := range m.Frames {
				f.Seq *= 2
			}
			return []*pluginv1.RunTaskResponse{m}
		})
	},
	// stays when the host is gone, and lets anybody in
	"orphan": func() {
		serveChanged("orphan", func(m *pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse {
			return []*pluginv1.RunTaskResponse{m}
		})
	},
}

type fickle struct{ subjectRunner }

func (f fickle) Name() sdk.Info {
	info := f.subjectRunner.Name()
	info.Version = fmt.Sprintf("1.0.%d", time.Now().UnixNano())
	return info
}

// serveChanged serves a good runner without the SDK's process, through a service that changes the
// messages of its runs.
func serveChanged(name string, change func(*pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: sdk.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: {
			sdk.PluginName: changedPlugin{service: changedService{
				Service: sdk.NewService(subjectRunner{name: name}, sdk.ServiceOptions{}), change: change,
			}},
		}},
		GRPCServer: func([]grpc.ServerOption) *grpc.Server { return grpc.NewServer(sdk.ServerOptions()...) },
	})
}

type changedPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	service pluginv1.RunnerServiceServer
}

func (p changedPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterRunnerServiceServer(s, p.service)
	return nil
}

func (changedPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, os.ErrInvalid
}

type changedService struct {
	*sdk.Service
	change func(*pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse
}

func (s changedService) RunTask(
	req *pluginv1.RunTaskRequest, stream grpc.ServerStreamingServer[pluginv1.RunTaskResponse],
) error {
	return s.Service.RunTask(req, changedStream{stream, s.change})
}

type changedStream struct {
	grpc.ServerStreamingServer[pluginv1.RunTaskResponse]
	change func(*pluginv1.RunTaskResponse) []*pluginv1.RunTaskResponse
}

func (s changedStream) Send(m *pluginv1.RunTaskResponse) error {
	for _, changed := range s.change(m) {
		if err := s.ServerStreamingServer.Send(changed); err != nil {
			return err
		}
	}
	return nil
}
