package shoppb_test

import (
	"flag"
	"os"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

var update = flag.Bool("update", false, "write the generated file anew")

const (
	source    = "order.proto"
	generated = "order.pb.go"
)

// The generator is run without protoc, so that nothing has to be installed.
func TestTypesAreUpToDate(t *testing.T) {
	t.Parallel()
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{".."}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(t.Context(), source)
	require.NoError(t, err)
	generator, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{source},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protoutil.ProtoFromFileDescriptor(files[0])},
	})
	require.NoError(t, err)
	internal_gengo.GenerateFile(generator, generator.FilesByPath[source])
	answer := generator.Response()
	require.Nil(t, answer.Error)
	require.Len(t, answer.File, 1)

	if *update {
		require.NoError(t, os.WriteFile(generated, []byte(answer.File[0].GetContent()), 0o600))
	}
	current, err := os.ReadFile(generated)
	require.NoError(t, err)
	require.Equal(t, answer.File[0].GetContent(), string(current), "run go generate here")
}
