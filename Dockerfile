# The course in a container, with JupyterLab at the first lesson:
#
#     docker build -t mixer-course .                                    # for the CPU
#     docker build -t mixer-course --build-arg TORCH=pytorch-gpu .      # for an NVIDIA GPU: run it with --gpus all
#     docker run --rm -p 127.0.0.1:8888:8888 mixer-course               # prints the address to open
#
# What you change is lost with the container, unless you add: -v "$PWD/notebooks:/course/notebooks"
FROM condaforge/miniforge3:24.11.3-0
ARG TORCH=pytorch-cpu
# While an image is built there is no GPU to be found. This says which CUDA the machine that runs it will have.
ENV CONDA_OVERRIDE_CUDA=12.6 PATH=/opt/course/bin:$PATH

WORKDIR /course
COPY binder/environment.yml /tmp/environment.yml
RUN sed -i "s/pytorch-cpu/${TORCH}/" /tmp/environment.yml \
    && mamba env create --yes --prefix /opt/course --file /tmp/environment.yml \
    && mamba clean --all --yes
COPY . .
RUN bash binder/postBuild && useradd --create-home --uid 1001 learner && chown -R 1001 /course
USER 1001

EXPOSE 8888
CMD ["python", "-m", "jupyterlab", "--ip=0.0.0.0", "--no-browser", "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb"]
