# AC_TEST_LABELS: long
# The kinds of preemption that slurm.preempt leaves out: requeued with a grace time, and without.
SLURM_MODES='grace requeue'
. "$source/tests/slurm/preempt.sh"
