package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ReadResults reads NAME.json of a folder into results, and leaves them as they are where there is none.
func ReadResults(folder, name string, results any) error {
	text, err := os.ReadFile(filepath.Join(folder, name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, results)
	}
	if err != nil {
		return fmt.Errorf("read the results so far: %w", err)
	}
	return nil
}

// SaveResults writes results as NAME.json for programs, and their table as NAME.md for people. It makes the folder.
func SaveResults(folder, name string, results any, table []byte) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err = os.MkdirAll(folder, 0o755); err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o644),
			os.WriteFile(filepath.Join(folder, name+".md"), table, 0o644))
	}
	if err != nil {
		return fmt.Errorf("save the results: %w", err)
	}
	return nil
}
