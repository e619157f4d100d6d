package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMembersThatEndByThemselvesAreTold(t *testing.T) {
	t.Parallel()
	f := &fleet{program: "testdata/deserts.sh", folder: t.TempDir()}
	first, err := f.launch(0)
	require.NoError(t, err)
	<-first.ended
	second, err := f.launch(0) // which does not hide the first
	require.NoError(t, err)
	<-second.ended
	require.Equal(t, []string{"m0.1 ended by itself: exit status 3", "m0.2 ended by itself: exit status 3"}, f.deserters())
	require.Empty(t, f.running())
}

func TestStopThatIsNotCleanIsAnError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ program, want string }{
		"clean":         {"testdata/stops.sh", ""},
		"with a status": {"testdata/fails.sh", "exit status 1"},
		"by the signal": {"testdata/dies.sh", "signal: terminated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fleet{program: c.program, folder: t.TempDir()}
			m, err := f.launch(0)
			require.NoError(t, err)
			require.NoError(t, wait(t.Context(), "its address", m.answering))
			err = m.leave(t.Context())
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			require.Empty(t, f.deserters(), "it was told to leave")
		})
	}
}

func TestKilledMembersAreGone(t *testing.T) {
	t.Parallel()
	f := &fleet{program: "testdata/stays.sh", folder: t.TempDir()}
	for slot := range 3 {
		_, err := f.launch(slot)
		require.NoError(t, err)
	}
	require.Equal(t, []int{0, 1, 2}, f.running())
	f.killAll()
	require.Empty(t, f.running())
	require.Empty(t, f.deserters())
	require.Nil(t, f.member(7))
}
