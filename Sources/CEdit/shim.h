#include <histedit.h>
#include <editline/readline.h>

/* libedit takes its settings through variadic calls, which Swift cannot make: one wrapper for each that is used. */

typedef unsigned char (*cedit_function)(EditLine *, wint_t);

static inline void cedit_set_prompt(EditLine *editor, char *(*prompt)(EditLine *), char escape) {
    el_set(editor, EL_PROMPT_ESC, prompt, escape);
}
static inline void cedit_set_editor(EditLine *editor, const char *name) { el_set(editor, EL_EDITOR, name); }
static inline void cedit_set_signal(EditLine *editor, int handle) { el_set(editor, EL_SIGNAL, handle); }
static inline void cedit_set_terminal_mode(EditLine *editor, const char *mode, const char *change) {
    el_set(editor, EL_SETTY, mode, change, (char *)0);
}
static inline void cedit_bind(EditLine *editor, const char *keys, const char *function) {
    el_set(editor, EL_BIND, keys, function, (char *)0);
}
static inline void cedit_add_function(
    EditLine *editor, const char *name, const char *help, cedit_function function) {
    el_set(editor, EL_ADDFN, name, help, function);
}
static inline void cedit_set_client_data(EditLine *editor, void *data) { el_set(editor, EL_CLIENTDATA, data); }
static inline void *cedit_client_data(EditLine *editor) {
    void *data = (void *)0;
    el_get(editor, EL_CLIENTDATA, &data);
    return data;
}
static inline void cedit_use_history(EditLine *editor, History *events) {
    el_set(editor, EL_HIST, history, events);
}
static inline void cedit_history_set_size(History *events, int size) {
    HistEvent event;
    history(events, &event, H_SETSIZE, size);
    history(events, &event, H_SETUNIQUE, 1);
}
static inline void cedit_history_add(History *events, const char *line) {
    HistEvent event;
    history(events, &event, H_ENTER, line);
}
