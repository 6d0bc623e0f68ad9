/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include "apdu.h"

bool trace_open(struct trace *t, const char *path)
{
    trace_close(t);
    if (!path)
        return true;
    t->file = fopen(path, "we");
    return t->file != NULL;
}

void trace_close(struct trace *t)
{
    if (t->file)
        fclose(t->file);
    t->file = NULL;
}

void trace_note(struct trace *t, const char *text)
{
    if (!t->file)
        return;
    fprintf(t->file, "# %s\n", text);
    fflush(t->file);
}

static void line(struct trace *t, char direction, const uint8_t *msg, size_t n, size_t clear)
{
    if (!t->file)
        return;
    fputc(direction, t->file);
    for (size_t i = 0; i < n; i++) {
        if (i < clear)
            fprintf(t->file, " %02X", msg[i]);
        else
            fputs(" **", t->file);
    }
    fputc('\n', t->file);
    fflush(t->file);
}

void trace_command(struct trace *t, const uint8_t *msg, size_t n)
{
    bool secret =
        n > 1 && (msg[1] == INS_VERIFY || msg[1] == INS_CHANGE || msg[1] == INS_RESET_RETRY);

    line(t, '>', msg, n, secret ? 5 : n);
}

void trace_answer(struct trace *t, const uint8_t *msg, size_t n)
{
    line(t, '<', msg, n, n);
}
