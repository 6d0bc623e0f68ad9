# SPDX-License-Identifier: Apache-2.0
"""A system bus of one's own with logind on it, played by python-dbusmock."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import dbus
import dbusmock

from .wait import wait_until

SERVICE = "org.freedesktop.login1"
MANAGER = SERVICE + ".Manager"
SESSION = SERVICE + ".Session"
PATH = "/org/freedesktop/login1"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen>
<policy context="default"><allow user="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


class Logind:
    """env() is what the agent needs. session: its id; uid: whose it is."""

    def __init__(self, session="c1", uid=12345):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsbus-"))
        self.dir.chmod(0o755)
        self.socket = self.dir / "bus"
        self.session, self._uid = session, uid
        self._daemon = self._mock = self._bus = None

    def __enter__(self):
        (self.dir / "bus.conf").write_text(CONFIG.format(socket=self.socket))
        self.start_bus()
        self.start_logind()
        return self

    def __exit__(self, *_):
        self.stop_logind()
        self.stop_bus()
        shutil.rmtree(self.dir, ignore_errors=True)

    def env(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.socket}",
                "XDG_SESSION_ID": self.session}

    def start_bus(self):
        self.socket.unlink(missing_ok=True)
        self._daemon = subprocess.Popen(
            [*self._knowing_the_user(), "dbus-daemon", "--nofork", "--config-file",
             str(self.dir / "bus.conf")], stderr=subprocess.DEVNULL)
        self._bus = wait_until(self._connect)
        self._bus.set_exit_on_disconnect(False)

    def _connect(self):
        try:
            return dbus.bus.BusConnection(f"unix:path={self.socket}")
        except dbus.exceptions.DBusException:
            return None

    def _knowing_the_user(self):
        """dbus-daemon turns users away who are not in /etc/passwd, as that of the tests: it gets
        another one, in a mount namespace of its own."""
        if os.geteuid() != 0:
            return []
        passwd = self.dir / "passwd"
        passwd.write_text(pathlib.Path("/etc/passwd").read_text()
                          + f"joe:x:{self._uid}:{self._uid}::/nonexistent:/bin/false\n")
        return ["unshare", "--mount", "sh", "-c",
                'mount --bind "$0" /etc/passwd && exec "$@"', str(passwd)]

    def stop_bus(self):
        if self._bus is not None:
            self._bus.close()
        self._daemon.terminate()
        self._daemon.wait()

    def start_logind(self, active=True):
        self._mock = subprocess.Popen(
            ["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "logind"],
            env={**os.environ, **self.env()}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        assert wait_until(lambda: self._bus.name_has_owner(SERVICE), 10)
        self.new_session(active)

    def stop_logind(self):
        self._mock.terminate()
        self._mock.wait()

    def running(self):
        return self._mock.poll() is None

    def _object(self, path):
        return dbus.Interface(self._bus.get_object(SERVICE, path), dbusmock.MOCK_IFACE)

    def _manager(self, method, *args):
        return getattr(self._object(PATH), method)(*args)

    @property
    def path(self):
        return f"{PATH}/session/{self.session}"

    def inhibitors(self):
        """What delays sleep now, as (what, who, mode)."""
        manager = dbus.Interface(self._bus.get_object(SERVICE, PATH), MANAGER)
        return [(str(i[0]), str(i[1]), str(i[3])) for i in manager.ListInhibitors()]

    def prepare_for_sleep(self, sleeping):
        self._manager("EmitSignal", MANAGER, "PrepareForSleep", "b", [sleeping])

    def set_active(self, active):
        self._object(self.path).UpdateProperties(SESSION, {"Active": active})

    def set_locked(self, locked):
        self._object(self.path).UpdateProperties(SESSION, {"LockedHint": locked})

    def signal(self, name):
        """Lock or Unlock."""
        self._object(self.path).EmitSignal(SESSION, name, "", [])

    def remove_session(self):
        self._manager("RemoveObject", self.path)
        self._manager("EmitSignal", MANAGER, "SessionRemoved", "so", [self.session, self.path])

    def new_session(self, active=True):
        self._manager("AddSession", self.session, "seat0", dbus.UInt32(self._uid), "joe", active)
        self._manager("EmitSignal", MANAGER, "SessionNew", "so", [self.session, self.path])
