"""What the scripts share that run our side and a peer's in turn, each run a process of its own."""
import subprocess
import sys


def run(command, environment):
    """The five numbers that a run prints at its end: accuracy, loss, seconds, the processor's seconds, MB."""
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return [float(word) for word in done.stdout.split()[-5:]]
