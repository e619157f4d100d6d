package registry

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllFaultsOfTheConfigurationAreGivenAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := New(Config{
		URLs: []string{
			"http://user:hunter2@a", "b:8081", "ftp://c", "http://:8081", "http://d?x=1", "http://e/", "http://e",
			"http://hunter2\x7f", "://hunter2",
		},
		Password: "hunter2", BearerToken: "hunter2 hunter2", BearerTokenFile: filepath.Join(folder, "token"),
		TLS:     TLS{CAFile: filepath.Join(folder, "ca"), CertFile: "cert"},
		Timeout: -1, LookupTimeout: -1, Backoff: -1, UnknownTTL: -1, LatestTTL: -1, AnswerBytesMax: -1, ReferenceDepthMax: -1,
		ReferencesMax: -1, SchemasMax: -1, CacheBytesMax: -1,
	})
	require.Error(t, err)
	for _, word := range []string{
		"URL 1 contains a user", `URL 2, "b:8081", does not begin with http`, `URL 3, "ftp://c"`, `URL 4, "http://:8081"`,
		"URL 5 contains a ?", `URL 7, "http://e", is given twice`, "URL 8 cannot be read", "URL 9 cannot be read",
		"a password and no username", "the bearer token is given twice", "the bearer token contains a space",
		"token: no such file", "ca: no such file", "both its certificate and its key", "TLS is configured and no URL begins with https",
		"the timeout is negative", "the lookup timeout is negative", "the backoff is negative", "the time for unknown schemas is negative",
		"the time for latest schemas is negative", "the limit of an answer is negative", "the depth of references is negative",
		"the number of references is negative", "the number of schemas is negative", "the memory for schemas is negative",
	} {
		require.ErrorContains(t, err, word)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, "client certificate") && !strings.HasPrefix(line, "a client certificate") {
			require.True(t, strings.HasPrefix(line, "registry: "), line)
		}
	}
	require.NotContains(t, err.Error(), "hunter2")

	_, err = New(Config{})
	require.EqualError(t, err, "registry: no URL is given, such as http://localhost:8081")
	_, err = New(Config{URLs: []string{nodeA}, Username: "u:v", BearerToken: "t"})
	require.ErrorContains(t, err, "cannot both be sent")
}

func TestFilesAreReadBeforeAnythingIsAsked(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, content := range map[string]string{"ca": "no certificate", "token": "two words", "large": strings.Repeat("x", tokenBytesMax+1)} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	for name, c := range map[string]Config{
		"there is no certificate in PEM": {TLS: TLS{CAFile: filepath.Join(folder, "ca")}},
		"client certificate":             {TLS: TLS{CertFile: filepath.Join(folder, "ca"), KeyFile: filepath.Join(folder, "ca")}},
		"token does not hold one word":   {BearerTokenFile: filepath.Join(folder, "token")},
		"is not a file of at most":       {BearerTokenFile: filepath.Join(folder, "large")},
		"folder for schemas":             {Dir: filepath.Join(folder, "ca")},
	} {
		c.URLs = []string{"https://a.test"}
		_, err := New(c)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "registry: ")
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	c := Config{URLs: []string{nodeA}, Username: "me", Password: "hunter2", BearerToken: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c.Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c.Password)
	encoded, err := json.Marshal(c.Password)
	require.NoError(t, err)
	for _, shown := range []string{
		fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%s %q", c.Password, c.Password), string(encoded), log.String(),
	} {
		require.NotContains(t, shown, "hunter2")
		require.Contains(t, shown, "***")
	}
	require.Empty(t, Secret("").String())
}

func TestServersThatRepeatSecretsDoNotBringThemIntoErrors(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"basic":  func(c *Config) { c.Username, c.Password = "me", "hunter2" },
		"bearer": func(c *Config) { c.BearerToken = "hunter2" },
	} {
		for _, status := range []int{200, 401, 500} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				body := `{"error_code":401,"message":"hunter2 is wrong, and so is Basic bWU6aHVudGVyMg=="}`
				if status == 200 {
					body = "hunter2 bWU6aHVudGVyMg=="
				}
				f.on("", text(status, body))
				r := f.with(func(c *Config) { c.Backoff = 1; change(c) })
				_, err := r.ByID(t.Context(), 7)
				requireOutage(t, err, "***")
				require.NotContains(t, err.Error(), "hunter2")
				if name == "basic" {
					require.NotContains(t, err.Error(), "bWU6aHVudGVyMg==")
				}
			})
		}
	}
}

func TestMessagesOfServersAreMadeShortAndOneLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c", oneLine("\x00a\r\n\tb\x1b c\n"))
	require.Equal(t, strings.Repeat("ä", messageLettersMax)+" ...", oneLine(strings.Repeat("ä", 1000)))
}
