# What the scripts of bench share; $root is the repository.
#   PYTHON       a Python with numpy, torch, transformers, pillow … (default: python3)
#   THREADS      of both sides (default: the machine's cores)
#   AC_FULLSIZE  folder of the weights that follow from a formula (default: build/fullsize; made if missing)
python=${PYTHON:-python3}
threads=${THREADS:-$(nproc)}
weights=${AC_FULLSIZE:-$root/build/fullsize}

need_weights() { # need_weights clip-vit-b16|bart-large: 0.6 GB, 1.6 GB
  [ -e "$weights/$1/model.safetensors" ] || "$python" "$root/tests/golden/make/formula_weights.py" "$1" "$weights/$1"
}
