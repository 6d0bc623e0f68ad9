/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <string.h>

enum {
    WAIT_MS_MAX = 60000,
    TRIES_MAX = 15,
};

struct context {
    struct reader *reader;
    const json_t *args;
    uint64_t now;
    struct command_outcome *outcome;
};

static json_t *fail(const char *why)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

static json_t *done(void)
{
    return json_pack("{s:b}", "ok", 1);
}

static const char *text(const struct context *x, const char *name)
{
    return json_string_value(json_object_get(x->args, name));
}

/* A non-negative integer member; false when it is there and something else, or too large. */
static bool number(const struct context *x, const char *name, uint64_t max, uint64_t *inout_value)
{
    const json_t *v = json_object_get(x->args, name);

    if (!v)
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return false;
    *inout_value = (uint64_t)json_integer_value(v);
    return true;
}

static json_t *wait_for(struct context *x, enum control_wait what)
{
    uint64_t ms = 0;

    if (!number(x, "wait_ms", WAIT_MS_MAX, &ms))
        return fail("wait_ms: not a number of milliseconds");
    if (ms)
        x->outcome->wait = what;
    x->outcome->wait_ms = ms;
    return done();
}

static json_t *cmd_insert(struct context *x)
{
    char err[256] = "card: missing";
    const char *name = text(x, "card");

    if (x->reader->inserted)
        return fail("a card is in the slot");
    struct card *c = name ? reader_card(x->reader, name, err, sizeof(err)) : NULL;
    if (!c)
        return fail(err);
    reader_insert(x->reader, c, x->now);
    return wait_for(x, WAIT_POWERED);
}

static json_t *cmd_remove(struct context *x)
{
    if (x->reader->inserted)
        reader_remove(x->reader);
    return wait_for(x, WAIT_GONE);
}

static json_t *cmd_swap(struct context *x)
{
    char err[256] = "card: missing";
    const char *name = text(x, "card");
    struct card *c = name ? reader_card(x->reader, name, err, sizeof(err)) : NULL;

    if (!c)
        return fail(err);
    if (x->reader->inserted)
        reader_remove(x->reader);
    reader_insert(x->reader, c, x->now);
    return wait_for(x, WAIT_POWERED);
}

static json_t *cmd_reload(struct context *x)
{
    const char *name = text(x, "card");

    if (!name || !reader_forget(x->reader, name))
        return fail("card: missing, or in the slot");
    return done();
}

/* at, ins and times, common to both faults. */
static bool fault_where(const struct context *x, struct fault *f)
{
    const char *ins = text(x, "ins");
    uint8_t b[1];
    size_t n;

    f->ins = -1;
    f->at = f->times = 1;
    if (ins) {
        if (!hex_decode(ins, b, sizeof(b), &n) || n != 1)
            return false;
        f->ins = b[0];
    }
    return number(x, "at", UINT32_MAX, &f->at) && number(x, "times", UINT32_MAX, &f->times) &&
           f->at && f->times;
}

static json_t *cmd_tear(struct context *x)
{
    const char *when = text(x, "when");
    struct fault f = {.kind = FAULT_TEAR_BEFORE};

    if (when && strcmp(when, "inside") == 0)
        f.kind = FAULT_TEAR_INSIDE;
    else if (when && strcmp(when, "after") == 0)
        f.kind = FAULT_TEAR_AFTER;
    else if (when && strcmp(when, "before") != 0)
        return fail("when: before, inside or after");
    if (!fault_where(x, &f))
        return fail("at, ins: not understood");
    x->reader->fault = f;
    return done();
}

static json_t *cmd_inject(struct context *x)
{
    const char *sw = text(x, "sw");
    struct fault f = {.kind = FAULT_SW};

    if (!sw || !hex_u16(sw, &f.sw))
        return fail("sw: four hexadecimal digits");
    if (!fault_where(x, &f))
        return fail("at, ins, times: not understood");
    x->reader->fault = f;
    return done();
}

static json_t *cmd_clear(struct context *x)
{
    x->reader->fault = (struct fault){0};
    return done();
}

static json_t *cmd_tries(struct context *x)
{
    char err[256] = "no card in the slot";
    const char *name = text(x, "card");
    struct card *c = name ? reader_card(x->reader, name, err, sizeof(err)) : x->reader->inserted;

    if (!c)
        return fail(err);
    uint64_t pin = c->pin.tries_left, puk = c->puk.tries_left;
    if (!number(x, "pin", TRIES_MAX, &pin) || !number(x, "puk", TRIES_MAX, &puk))
        return fail("pin, puk: not a number of tries");
    c->pin.tries_left = (unsigned)pin;
    c->puk.tries_left = (unsigned)puk;
    return json_pack("{s:b, s:I, s:I, s:b}", "ok", 1, "pin", (json_int_t)pin, "puk",
                     (json_int_t)puk, "verified", c->pin.verified);
}

static json_t *cmd_latency(struct context *x)
{
    struct latency l = x->reader->latency;

    if (!number(x, "apdu_us", 60000000, &l.apdu_us) || !number(x, "byte_us", 1000000, &l.byte_us) ||
        !number(x, "rsa_us", 60000000, &l.rsa_us))
        return fail("apdu_us, byte_us, rsa_us: not a number of microseconds");
    x->reader->latency = l;
    return done();
}

static json_t *cmd_mute(struct context *x)
{
    const json_t *on = json_object_get(x->args, "on");

    if (!json_is_boolean(on))
        return fail("on: true or false");
    reader_set_mute(x->reader, json_is_true(on), x->now);
    return done();
}

static json_t *cmd_trace(struct context *x)
{
    if (!trace_open(&x->reader->trace, text(x, "file")))
        return fail("file: cannot open");
    return done();
}

static json_t *cmd_reset_counters(struct context *x)
{
    x->reader->counters = (struct counters){0};
    return done();
}

static json_t *cmd_counters(struct context *x)
{
    const struct counters *k = &x->reader->counters;
    json_t *by_ins = json_object();
    char name[3];

    for (unsigned i = 0; i < 256; i++) {
        if (k->by_ins[i]) {
            snprintf(name, sizeof(name), "%02X", i);
            json_object_set_new(by_ins, name, json_integer((json_int_t)k->by_ins[i]));
        }
    }
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "ok", 1, "apdus",
                     (json_int_t)k->apdus, "get_responses", (json_int_t)k->get_responses,
                     "bytes_to_card", (json_int_t)k->bytes_to_card, "bytes_from_card",
                     (json_int_t)k->bytes_from_card, "power_ons", (json_int_t)k->power_ons,
                     "power_offs", (json_int_t)k->power_offs, "resets", (json_int_t)k->resets,
                     "rsa_ops", (json_int_t)k->rsa_ops, "verifies", (json_int_t)k->verifies, "ins",
                     by_ins);
}

static json_t *cmd_status(struct context *x)
{
    static const char *const states[] = {"down", "connecting", "up", "leaving"};
    const struct reader *r = x->reader;
    json_t *card = r->inserted ? json_string(r->inserted->image->name) : json_null();

    return json_pack("{s:b, s:o, s:s, s:b, s:b, s:b, s:b}", "ok", 1, "card", card, "link",
                     states[r->link.state], "powered", r->powered, "muted", r->muted, "holding",
                     r->holding, "fault", r->fault.kind != FAULT_NONE);
}

static json_t *cmd_quit(struct context *x)
{
    x->outcome->quit = true;
    return done();
}

static const struct {
    const char *name;
    json_t *(*run)(struct context *x);
} commands[] = {
    {"insert", cmd_insert},
    {"remove", cmd_remove},
    {"swap", cmd_swap},
    {"reload", cmd_reload},
    {"tear", cmd_tear},
    {"inject", cmd_inject},
    {"clear_faults", cmd_clear},
    {"tries", cmd_tries},
    {"latency", cmd_latency},
    {"mute", cmd_mute},
    {"trace", cmd_trace},
    {"counters", cmd_counters},
    {"reset_counters", cmd_reset_counters},
    {"status", cmd_status},
    {"quit", cmd_quit},
};

json_t *command_execute(struct reader *r, const char *line, size_t len, uint64_t now,
                        struct command_outcome *ret_outcome)
{
    struct context x = {r, NULL, now, ret_outcome};
    json_t *answer = NULL;
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *cmd = json_string_value(json_object_get(root, "cmd"));

    *ret_outcome = (struct command_outcome){0};
    x.args = root;
    for (size_t i = 0; cmd && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, cmd) == 0)
            answer = commands[i].run(&x);
    json_decref(root);
    return answer ? answer : fail(cmd ? "cmd: unknown" : "not a JSON object with a cmd");
}
