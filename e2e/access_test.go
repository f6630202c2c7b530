package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
	apiv1 "github.com/soltihq/solti-host/shared/proto/solti/api/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// endpoint reads where the host listens on TCP.
func (s *server) endpoint() task.Endpoint {
	s.t.Helper()
	path := filepath.Join(s.dir, task.EndpointFile)
	info, err := os.Stat(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		s.t.Errorf("%s has mode %o", task.EndpointFile, mode)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	var e task.Endpoint
	if err := json.Unmarshal(b, &e); err != nil {
		s.t.Fatal(err)
	}
	return e
}

func TestTCPWantsTheTokenAndAHostOfItsOwn(t *testing.T) {
	t.Parallel()
	s := serve(t, "--listen", "127.0.0.1:0")
	e := s.endpoint()
	_, port, err := net.SplitHostPort(e.Address)
	if err != nil || len(e.Token) < 32 {
		t.Fatalf("endpoint %+v: %v", e, err)
	}
	bearer := "Bearer " + e.Token
	for _, c := range []struct {
		name, path, host string
		header           []string
		code             int
	}{
		{"with the token", prefix + "/tasks", "", []string{"Authorization", bearer}, 200},
		{"as localhost", prefix + "/tasks", "localhost:" + port, []string{"Authorization", bearer}, 200},
		{"without", prefix + "/tasks", "", nil, 401},
		{"with another", prefix + "/tasks", "", []string{"Authorization", bearer + "x"}, 401},
		{"with another scheme", prefix + "/tasks", "", []string{"Authorization", "Basic " + e.Token}, 401},
		{"metrics without", "/metrics", "", nil, 401},
		{"readiness without", "/readyz", "", nil, 401},
		{"a path that is not", "/nope", "", nil, 401},
		{"liveness without", "/livez", "", nil, 200},
		{"as a name that was rebound", prefix + "/tasks", "evil.example:" + port, []string{"Authorization", bearer}, 421},
		{"with another port", prefix + "/tasks", "localhost:1", []string{"Authorization", bearer}, 421},
		{"for another site", prefix + "/tasks", "", []string{"Authorization", bearer, "Origin", "http://evil.example"}, 403},
		{"from another site", prefix + "/tasks", "", []string{"Authorization", bearer, "Sec-Fetch-Site", "cross-site"}, 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.Address+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		for i := 0; i+1 < len(c.header); i += 2 {
			req.Header.Set(c.header[i], c.header[i+1])
		}
		tcp := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := tcp.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.code {
			t.Errorf("%s: %d %s, want %d", c.name, resp.StatusCode, body, c.code)
		}
	}
	over, err := client.New(client.Options{Endpoint: "http://" + e.Address, Token: e.Token})
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	if _, err := over.List(t.Context(), task.Query{}); err != nil {
		t.Error(err)
	}
	s.stop()
	if down := s.endpoint(); down.Address != "" || down.Token != e.Token {
		t.Errorf("after the host: %+v, want no address and the token", down)
	}
	s.start()
	if again := s.endpoint(); again.Token != e.Token || again.Address == "" {
		t.Errorf("after a restart: %+v", again)
	}
}

func TestSocketsAreTheHostsOwn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, name := range []string{task.SocketFile, task.GRPCSocketFile} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, task.EndpointFile)); err == nil {
		t.Error("there is an endpoint without TCP")
	}
	for path, code := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, prefix + "/version": 200, prefix + "/plugins": 200, "/nope": 404} {
		if a := s.do(http.MethodGet, path, nil); a.code != code {
			t.Errorf("%s: %d %s, want %d", path, a.code, a.body, code)
		}
	}
	if a := s.do(http.MethodGet, "/metrics", nil); !strings.Contains(string(a.body), `solti_plugin_state{plugin="subprocess",state="ready"} 1`) {
		t.Errorf("metrics without the plugin's state:\n%.2000s", a.body)
	}
}

func TestGRPCDoesTheSame(t *testing.T) {
	t.Parallel()
	s := serve(t)
	conn, err := grpc.NewClient("unix:"+filepath.Join(s.dir, task.GRPCSocketFile), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rpc := apiv1.NewTaskServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	doc := &taskv1.Task{
		Metadata: &taskv1.Metadata{Name: "a"},
		Spec: &taskv1.Spec{Slot: "s", Workload: &taskv1.Workload{
			ApiVersion: "solti.io/v1", Kind: "Subprocess",
			SpecJson: []byte(`{"command": "sh", "args": ["-c", "echo hello; sleep 0.1; echo world"]}`),
		}},
	}
	created, err := rpc.CreateTask(ctx, &apiv1.CreateTaskRequest{Task: doc})
	if err != nil {
		t.Fatal(err)
	}
	uid := created.GetTask().GetMetadata().GetUid()
	stream, err := rpc.StreamOutput(ctx, &apiv1.StreamOutputRequest{Name: "a", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	var ended *taskv1.Run
	for {
		m, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC returns it as it is
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text.Write(m.GetChunk().GetData())
		if m.GetEnded() != nil {
			ended = m.GetEnded()
		}
	}
	if text.String() != "hello\nworld\n" || ended.GetRunId() != "subprocess-s-1" {
		t.Errorf("streamed %q and the end of %v", text.String(), ended)
	}
	s.over("a")
	got, err := rpc.GetTask(ctx, &apiv1.GetTaskRequest{Name: "a", Uid: uid})
	if err != nil || got.GetTask().GetStatus().GetPhase() != taskv1.Phase_PHASE_SUCCEEDED {
		t.Errorf("get: %v, %v", got, err)
	}
	list, err := rpc.ListTasks(ctx, &apiv1.ListTasksRequest{Slot: "s"})
	if err != nil || len(list.GetTasks()) != 1 || list.GetTasks()[0].GetMetadata().GetUid() != uid {
		t.Errorf("list: %v, %v", list, err)
	}
	_, err = rpc.CreateTask(ctx, &apiv1.CreateTaskRequest{Task: doc})
	if status.Code(err) != codes.AlreadyExists {
		t.Errorf("a taken name: %v", err)
	}
	doc.Metadata.Name, doc.Spec.Slot = "b", ""
	if _, err = rpc.CreateTask(ctx, &apiv1.CreateTaskRequest{Task: doc}); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "spec.slot") {
		t.Errorf("an empty slot: %v", err)
	}
	gone, err := rpc.DeleteTask(ctx, &apiv1.DeleteTaskRequest{Name: "a"})
	if err != nil || !gone.GetGone() || len(s.names()) != 0 {
		t.Errorf("delete: %v, %v; left %q", gone, err, s.names())
	}
}
